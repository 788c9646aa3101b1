import { type Digest, digestOf } from "../../src/oci/digest.ts";

/** One request to an upload. */
export type UploadRequest =
  | { readonly kind: "status" }
  | { readonly kind: "cancel" }
  /** A chunk, with the offset that its `Content-Range` names if it has one. */
  | { readonly kind: "append"; readonly bytes: string; readonly offset?: number }
  /** The closing PUT, perhaps with a last chunk, with the digest of `claims`. */
  | { readonly kind: "finish"; readonly bytes: string; readonly offset?: number; readonly claims: string };

/** The state of an upload: its bytes, or, once it has ended, its blob if there is one. */
export type UploadState = string | { readonly became: Digest | undefined };

/** The answer that the specification demands, and the state of the upload afterwards. */
export interface Expected {
  readonly status: number;
  /** The `Range` header, if the answer has one. */
  readonly range?: string;
  readonly state: UploadState;
  /** The resulting blob. */
  readonly blob?: Digest;
}

/** One step of the upload state machine (distribution-spec end-5, end-6, end-13, end-14). */
export function step(state: UploadState, request: UploadRequest): Expected {
  if (typeof state !== "string") return stepAfterEnd(state.became, request);
  switch (request.kind) {
    case "status":
      return { status: 204, range: rangeOf(state), state };
    case "cancel":
      return { status: 204, state: { became: undefined } };
    case "append": {
      if (isOutOfOrder(state, request.offset)) return { status: 416, range: rangeOf(state), state };
      const grown = state + request.bytes;
      return { status: 202, range: rangeOf(grown), state: grown };
    }
    case "finish": {
      if (isOutOfOrder(state, request.offset)) return { status: 416, range: rangeOf(state), state };
      const whole = state + request.bytes;
      // All or nothing: if a PUT's digest is wrong, its bytes are dropped.
      if (whole !== request.claims) return { status: 400, state };
      return { status: 201, state: { became: digestOf(whole) }, blob: digestOf(whole) };
    }
  }
}

/** An ended upload is unknown, but a finish can be repeated. */
function stepAfterEnd(became: Digest | undefined, request: UploadRequest): Expected {
  const isRepeated = request.kind === "finish" && digestOf(request.claims) === became;
  return { status: isRepeated ? 201 : 404, state: { became } };
}

/** A request, and the server's answer. */
export interface Exchange {
  readonly request: UploadRequest;
  readonly status: number;
  readonly range: string | null;
}

/** The possible states after all orders in which the `exchanges` are correct; empty if there is no such order. */
export function explanations(state: UploadState, exchanges: readonly Exchange[]): readonly UploadState[] {
  if (exchanges.length === 0) return [state];
  return exchanges.flatMap((exchange, i) => {
    const rest = exchanges.toSpliced(i, 1);
    const expected = step(state, exchange.request);
    const fits = exchange.status === expected.status && (exchange.range ?? undefined) === expected.range;
    const cut = cutAppend(state, exchange, rest);
    return [
      ...(fits ? explanations(expected.state, rest) : []),
      ...(cut === undefined ? [] : explanations(cut, rest)),
    ];
  });
}

/**
 * The state in which a cancel ended this append; `undefined` if none did. The bytes that arrived before count, because
 * the client could resume after any other end.
 */
function cutAppend(
  state: UploadState,
  { request, status }: Exchange,
  rest: readonly Exchange[],
): UploadState | undefined {
  if (typeof state !== "string" || request.kind !== "append" || status !== 404) return undefined;
  if (isOutOfOrder(state, request.offset)) return undefined;
  const isCancelled = rest.some((each) => each.request.kind === "cancel" && each.status === 204);
  return isCancelled ? state + request.bytes : undefined;
}

function isOutOfOrder(state: string, offset: number | undefined): boolean {
  return offset !== undefined && offset !== state.length;
}

function rangeOf(state: string): string {
  return `0-${Math.max(0, state.length - 1)}`;
}
