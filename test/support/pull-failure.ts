/** The answer to a failed pull of an image: the status, and the first error. */
export async function pullFailure(url: string, name: string, tag = "latest") {
  const response = await fetch(`${url}/v2/${name}/manifests/${tag}`);
  const { errors } = (await response.json()) as {
    errors: { code: string; message: string; detail: unknown }[];
  };
  return { status: response.status, ...errors[0] };
}
