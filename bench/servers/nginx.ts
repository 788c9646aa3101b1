import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import type { BenchServer } from "./bench-server.ts";
import { launch, outputOf } from "./launch.ts";

/** Folder below a server's own in which nginx finds what it serves. */
export const NGINX_FILES = "files";

/** Starts nginx serving files with sendfile, in one worker process, since Slipway is one process too. */
export async function startNginx(program: string, folder: string): Promise<BenchServer> {
  const port = await freePort();
  const configuration = join(folder, "nginx.conf");
  await Bun.write(configuration, configurationText(folder, port));
  return launch({
    name: "nginx",
    version: /nginx\/(\S+)/.exec(outputOf(program, "-v"))?.[1] ?? "unknown",
    port,
    isRegistry: false,
    command: [program, "-p", folder, "-c", configuration, "-e", join(folder, "error.log")],
    folder,
  });
}

function configurationText(folder: string, port: number): string {
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(folder, `temporary-${name}`)};`)
    .join(" ");
  // The folder is private to its owner. If that is root, the worker must stay root too.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `${user}
daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")} error;
events { worker_connections 1024; }
http {
  ${temporaryPaths}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root ${join(folder, NGINX_FILES)}; }
}
`;
}
