import type { WorkerAnswer, WorkerMessage } from "./worker-client.ts";

/**
 * Handles the messages of a `WorkerClient`, in its thread, one after the other.
 *
 * @param answer returns the answer to a question. If it throws, the question fails; for a note, the thread ends
 * @param afterwards runs after each answer is sent
 */
export function answerQuestions<Question, Answer>(
  thread: Worker,
  answer: (question: Question) => Answer,
  afterwards: (question: Question) => void = () => {},
): void {
  thread.onmessage = ({ data: { call, question } }: MessageEvent<WorkerMessage<Question>>) => {
    if (call === undefined) answer(question);
    else thread.postMessage(answerTo(call, question, answer));
    afterwards(question);
  };
}

function answerTo<Question, Answer>(
  call: number,
  question: Question,
  answer: (question: Question) => Answer,
): WorkerAnswer<Answer> {
  try {
    return { call, answer: answer(question) };
  } catch (error) {
    return { call, failure: String(error) };
  }
}
