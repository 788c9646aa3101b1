import { mkdir, writeFile } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import { installed, mustRun, run } from "./command.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

/** Whether git with its daemon is installed. */
export const HAS_GIT = installed("git", "tar") && (await findDaemon()) !== undefined;

const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: devNull,
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Tester",
  GIT_AUTHOR_EMAIL: "tester@example.org",
  GIT_AUTHOR_DATE: "@1000000000 +0000",
  GIT_COMMITTER_NAME: "Tester",
  GIT_COMMITTER_EMAIL: "tester@example.org",
  GIT_COMMITTER_DATE: "@1000000000 +0000",
};

/** A repository with a working tree, and a bare one that it is published to. */
export class TestRepository {
  /** The bare repository. */
  readonly published: string;
  readonly #work: string;

  private constructor(folder: string) {
    this.published = join(folder, "published.git");
    this.#work = join(folder, "work");
  }

  /** Creates a repository in `folder`, without commits, whose default branch is `branch`. */
  static async create(folder: string, branch: string): Promise<TestRepository> {
    const repository = new TestRepository(folder);
    for (const [options, path] of [
      [["--bare"], repository.published],
      [[], repository.#work],
    ] as const) {
      await mustRun(["git", "init", "--quiet", ...options, `--initial-branch=${branch}`, path], ENVIRONMENT);
    }
    return repository;
  }

  /** Runs git in the working tree; resolves to what it prints. */
  async git(...parameters: readonly string[]): Promise<string> {
    return (await mustRun(["git", "-C", this.#work, ...parameters], ENVIRONMENT)).trim();
  }

  /** Commits files with these texts on the current branch; resolves to the commit. */
  async commit(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.#work, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", Object.keys(files).join(" "));
    return await this.git("rev-parse", "HEAD");
  }

  /** Publishes all branches and tags as they are now, and removes others. */
  async publish(): Promise<void> {
    await this.git("push", "--quiet", "--mirror", this.published);
  }

  /** Sets an option of the published repository. */
  async configure(name: string, value: string): Promise<void> {
    await mustRun(["git", "--git-dir", this.published, "config", name, value], ENVIRONMENT);
  }
}

/** Serves the repositories of a folder by git's own protocol. Disposing of it ends it. */
export class GitDaemon implements AsyncDisposable {
  readonly address: string;
  readonly #process: Bun.Subprocess;

  private constructor(address: string, process: Bun.Subprocess) {
    this.address = address;
    this.#process = process;
  }

  /** Starts a daemon; resolves when it answers. */
  static async start(folder: string, port?: number): Promise<GitDaemon> {
    const listen = port ?? (await freePort());
    const command = [(await findDaemon()) ?? "", "--export-all", "--reuseaddr", `--base-path=${folder}`];
    const process = Bun.spawn([...command, "--listen=127.0.0.1", `--port=${listen}`, folder], {
      env: { ...Bun.env, ...ENVIRONMENT },
      stdout: "ignore",
      stderr: "ignore",
    });
    const daemon = new GitDaemon(`git://127.0.0.1:${listen}`, process);
    await eventually(
      async () =>
        (await run(["git", "ls-remote", `${daemon.address}/published.git`], ENVIRONMENT)).exitCode === 0,
    );
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}

/** Serves the repositories of a folder by HTTP to one user. */
export function serveGitByHttp(folder: string, credentials: string): Bun.Server<undefined> {
  const expected = `Basic ${btoa(credentials)}`;
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      if (request.headers.get("authorization") !== expected) {
        return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="git"' } });
      }
      return await answerByBackend(folder, request);
    },
  });
}

/** Answers a request by git's CGI program (git-http-backend(1)). */
async function answerByBackend(folder: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const child = Bun.spawn(["git", "http-backend"], {
    env: {
      ...process.env,
      ...ENVIRONMENT,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
    },
    stdin: await request.blob(),
    stdout: "pipe",
  });
  const answer = Buffer.from(await new Response(child.stdout).arrayBuffer());
  const end = answer.indexOf("\r\n\r\n");
  const headers = answer.subarray(0, end).toString().split("\r\n");
  const pairs = headers.map((line): [string, string] => {
    const [name = "", value = ""] = line.split(": ");
    return [name, value];
  });
  const status = Number.parseInt(pairs.find(([name]) => name === "Status")?.[1] ?? "200", 10);
  return new Response(answer.subarray(end + 4), {
    status,
    headers: pairs.filter(([name]) => name !== "Status"),
  });
}

async function findDaemon(): Promise<string | undefined> {
  if (!installed("git")) return undefined;
  const program = join((await mustRun(["git", "--exec-path"])).trim(), "git-daemon");
  return (await Bun.file(program).exists()) ? program : undefined;
}
