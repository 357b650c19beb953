/**
 * Bytes as journald and logrotate both read them, whose letters count in powers of 1024: `500M`. What is no whole number of
 * MiB stays a number of bytes.
 */
export function iecSize(bytes: number): string {
  const unit = (["G", "M"] as const).find((one) => bytes % FACTOR[one] === 0);
  return unit === undefined ? String(bytes) : `${bytes / FACTOR[unit]}${unit}`;
}

const FACTOR = { M: 2 ** 20, G: 2 ** 30 } as const;

/** Seconds as systemd reads them: `3day`. */
export function timeSpan(seconds: number): string {
  const day = 86_400;
  return seconds % day === 0 ? `${seconds / day}day` : `${seconds}s`;
}
