import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3BucketOptions } from "../../src/content/s3-connection.ts";
import { eventually } from "./eventually.ts";
import { findProgram } from "./find-program.ts";
import { freePort } from "./free-port.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

/** A brand of S3 server that the tests can run. */
export interface S3Make {
  readonly name: string;
  readonly program: string;
  readonly command: (program: string, folder: string, address: string) => readonly string[];
}

const ACCESS_KEY = "slipway-test";
const SECRET_KEY = "slipway-test-secret";

/** Two brands that share no code. */
export const S3_MAKES: readonly S3Make[] = [
  {
    name: "versitygw",
    program: "versitygw",
    command: (program, folder, address) => [
      program,
      ...["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", address, "--quiet"],
      ...["posix", folder],
    ],
  },
  {
    name: "MinIO",
    program: "minio",
    command: (program, folder, address) => [program, "server", folder, "--address", address, "--quiet"],
  },
];

/** An S3 server for tests, with its data in a temporary folder. */
export class S3Server implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #process: Bun.Subprocess;
  readonly #client: S3Client;
  readonly endpoint: string;
  #buckets = 0;

  private constructor(folder: TemporaryFolder, process: Bun.Subprocess, endpoint: string) {
    this.#folder = folder;
    this.#process = process;
    this.endpoint = endpoint;
    this.#client = new S3Client({ ...this.#access, maxAttempts: 1 });
  }

  /** Starts a server; resolves when it answers. */
  static async start(make: S3Make): Promise<S3Server> {
    const program = findProgram(make.program);
    if (program === undefined) throw new Error(`${make.program} is not installed`);
    const folder = await temporaryFolder(make.program);
    const address = `127.0.0.1:${await freePort()}`;
    const server = Bun.spawn([...make.command(program, folder.path, address)], {
      env: {
        ...process.env,
        MINIO_ROOT_USER: ACCESS_KEY,
        MINIO_ROOT_PASSWORD: SECRET_KEY,
        MINIO_BROWSER: "off",
      },
      stdout: "ignore",
      stderr: "ignore",
    });
    const endpoint = `http://${address}`;
    await eventually(async () => {
      if (server.exitCode !== null) throw new Error(`${make.program} ended with ${server.exitCode}`);
      return (await fetch(endpoint).catch(() => undefined)) !== undefined;
    });
    return new S3Server(folder, server, endpoint);
  }

  get #access() {
    return {
      region: "us-east-1",
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    };
  }

  /** Creates an empty bucket; resolves to its connection options. */
  async createBucket(): Promise<S3BucketOptions> {
    this.#buckets += 1;
    const bucket = `bucket-${this.#buckets}`;
    // It may listen before it is ready.
    await eventually(() =>
      this.#client.send(new CreateBucketCommand({ Bucket: bucket })).then(
        () => true,
        () => false,
      ),
    );
    return { ...this.#access, bucket };
  }

  /** Sends a signal to the server's process. */
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    await this.#folder[Symbol.asyncDispose]();
  }
}
