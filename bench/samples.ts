/** The figures of all rounds, by measure and by server or baseline. */
export class Samples {
  readonly #figures = new Map<string, Map<string, number[]>>();

  add(measure: string, subject: string, figure: number): void {
    const bySubject = this.#figures.get(measure) ?? new Map<string, number[]>();
    this.#figures.set(measure, bySubject);
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), figure]);
  }

  /** The median over the rounds; `undefined` when this was not measured. */
  median(measure: string, subject: string): number | undefined {
    const sorted = (this.#figures.get(measure)?.get(subject) ?? []).toSorted((a, b) => a - b);
    const upper = sorted[Math.floor(sorted.length / 2)];
    const lower = sorted[Math.ceil(sorted.length / 2) - 1];
    return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
  }

  /** The least and the greatest value over the rounds; `undefined` when this was not measured. */
  range(measure: string, subject: string): { readonly least: number; readonly most: number } | undefined {
    const figures = this.#figures.get(measure)?.get(subject);
    return figures && { least: Math.min(...figures), most: Math.max(...figures) };
  }

  /** The median of the first subject divided by that of the second; `undefined` if one was not measured, or the second is 0. */
  ratio(measure: string, subject: string, peer: string): number | undefined {
    const own = this.median(measure, subject);
    const other = this.median(measure, peer);
    return own === undefined || other === undefined || other === 0 ? undefined : own / other;
  }
}
