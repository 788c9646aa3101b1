import { join } from "node:path";

/** A mirror on this machine of the files in `folder`, unless `answer` has another answer. Dispose of it to stop it. */
export function servePackages(
  folder: string,
  answer: (request: Request) => Response | undefined | Promise<Response | undefined>,
): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const other = await answer(request);
      if (other !== undefined) return other;
      const file = Bun.file(join(folder, decodeURIComponent(new URL(request.url).pathname)));
      return (await file.exists()) ? new Response(file) : new Response(null, { status: 404 });
    },
  });
}
