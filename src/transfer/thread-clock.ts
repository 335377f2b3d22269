/** Milliseconds since the epoch with fractions, monotonic within a thread and the same in all threads of a process. */
export const threadNow = (): number => performance.timeOrigin + performance.now()
