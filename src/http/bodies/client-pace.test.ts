import { expect, it } from "bun:test";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { ClientPace } from "./client-pace.ts";

const TIMER = { pause: () => {}, resume: () => {} };
const KIBIBYTE = 1024;

it("treats a client as slow that is silent for more than a second, whatever it sent before", () => {
  const clock = new ManualClock();
  const pace = new ClientPace(TIMER, clock);
  pace.resume();
  clock.pass(1_000);
  expect(pace.isSlow(1e9)).toBe(false);
  clock.pass(1);
  expect(pace.isSlow(1e9)).toBe(true);
});

it("treats a client as slow that sends less than half a mebibyte per second after the first half second", () => {
  const clock = new ManualClock();
  const pace = new ClientPace(TIMER, clock);
  for (let chunk = 0; chunk < 10; chunk++) {
    pace.resume();
    clock.pass(250);
    pace.pause();
  }
  expect(pace.isSlow(1_000 * KIBIBYTE)).toBe(false);
  expect(pace.isSlow(999 * KIBIBYTE)).toBe(true);
});

it("counts only the time spent waiting for the client, and restarts on request", () => {
  const clock = new ManualClock();
  const pace = new ClientPace(TIMER, clock);
  clock.pass(60_000);
  expect(pace.isSlow(0)).toBe(false);
  pace.resume();
  clock.pass(501);
  pace.pause();
  expect(pace.isSlow(0)).toBe(true);
  pace.restart();
  clock.pass(60_000);
  expect(pace.isSlow(0)).toBe(false);
});
