import { type Digest, digestOf } from "../../src/oci/digest.ts";

/** One request to an upload. */
export type UploadRequest =
  | { readonly kind: "status" }
  | { readonly kind: "cancel" }
  /** A chunk, with the offset that its `Content-Range` names if it has one. */
  | { readonly kind: "append"; readonly bytes: string; readonly offset?: number }
  /** The end, with a last chunk or none, under the digest of `claims`. */
  | { readonly kind: "finish"; readonly bytes: string; readonly offset?: number; readonly claims: string };

/** Where an upload stands: its bytes, or `undefined` once it ended. */
export type UploadState = string | undefined;

/** What the specification says the answer is, and where the upload stands afterwards. */
export interface Expected {
  readonly status: number;
  /** The `Range` header, where the answer has one. */
  readonly range?: string;
  readonly state: UploadState;
  /** The blob that there is now. */
  readonly blob?: Digest;
}

/** One step of the upload state machine (distribution-spec end-5, end-6, end-13, end-14). */
export function step(state: UploadState, request: UploadRequest): Expected {
  if (state === undefined) return { status: 404, state };
  switch (request.kind) {
    case "status":
      return { status: 204, range: rangeOf(state), state };
    case "cancel":
      return { status: 204, state: undefined };
    case "append": {
      if (isOutOfOrder(state, request.offset)) return { status: 416, range: rangeOf(state), state };
      const grown = state + request.bytes;
      return { status: 202, range: rangeOf(grown), state: grown };
    }
    case "finish": {
      if (isOutOfOrder(state, request.offset)) return { status: 416, range: rangeOf(state), state };
      // What a PUT brings stays, also when its digest is wrong: the client may end the upload with another one.
      const whole = state + request.bytes;
      if (whole !== request.claims) return { status: 400, state: whole };
      return { status: 201, state: undefined, blob: digestOf(whole) };
    }
  }
}

/**
 * The states that some order of `requests` explains, when all of `answers` fit it; empty when none does.
 *
 * A PUT that brings a chunk is a PATCH and a PUT, and other requests may come between the two.
 */
export function explanations(
  state: UploadState,
  requests: readonly UploadRequest[],
  answers: readonly { readonly status: number; readonly range: string | null }[],
): readonly UploadState[] {
  if (requests.length === 0) return [state];
  return requests.flatMap((request, i) => {
    if (request.kind === "finish" && request.bytes !== "") {
      const appended = step(state, { ...request, kind: "append" });
      const rest = { kind: "finish", bytes: "", claims: request.claims } as const;
      if (appended.status === 202) return explanations(appended.state, requests.with(i, rest), answers);
    }
    const expected = step(state, request);
    const answer = answers[i];
    const fits = answer?.status === expected.status && (answer.range ?? undefined) === expected.range;
    return fits ? explanations(expected.state, requests.toSpliced(i, 1), answers.toSpliced(i, 1)) : [];
  });
}

function isOutOfOrder(state: string, offset: number | undefined): boolean {
  return offset !== undefined && offset !== state.length;
}

function rangeOf(state: string): string {
  return `0-${Math.max(0, state.length - 1)}`;
}
