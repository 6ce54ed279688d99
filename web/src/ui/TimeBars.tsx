import { Text } from "@mantine/core";
import classes from "./TimeBars.module.css";

interface Bar {
  start: string;
  value: number;
}

interface Props {
  bars: readonly Bar[];
  /** What is counted, more than one of it: `requests`. */
  unit: string;
  /** Whole days are days of UTC; hours are shown in local time. */
  interval: "HOUR" | "DAY";
}

const hour = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const count = new Intl.NumberFormat();

/** Counts over time as bars; the same as a table for who cannot see them. */
export function TimeBars({ bars, unit, interval }: Props) {
  const label = (at: string) => (interval === "DAY" ? day : hour).format(new Date(at));
  const most = bars.reduce((max, bar) => Math.max(max, bar.value), 0);
  const total = bars.reduce((sum, bar) => sum + bar.value, 0);
  const counted = (value: number) => `${count.format(value)} ${value === 1 ? unit.replace(/s$/, "") : unit}`;
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return null;
  const peak = bars.reduce((best, bar) => (bar.value > best.value ? bar : best), first);
  const summary = `${counted(total)} from ${label(first.start)} to ${label(last.start)}, at most ${count.format(most)} at ${label(peak.start)}`;
  return (
    <figure className={classes.figure}>
      <div className={classes.plot} role="img" aria-label={summary}>
        <Text className={classes.most} size="xs" c="dimmed">
          {count.format(most)}
        </Text>
        <div className={classes.bars}>
          {bars.map((bar) => (
            <div
              key={bar.start}
              className={classes.slot}
              title={`${label(bar.start)}: ${counted(bar.value)}`}
            >
              <div
                className={classes.bar}
                // What is there at all stays visible beside a high peak.
                style={{ height: most > 0 && bar.value > 0 ? `max(2px, ${(bar.value / most) * 100}%)` : 0 }}
              />
            </div>
          ))}
        </div>
      </div>
      <div className={classes.axis} aria-hidden="true">
        <span>{label(first.start)}</span>
        <span>{label(last.start)}</span>
      </div>
      <figcaption>
        <Text size="sm" c="dimmed">
          {counted(total)}
          {interval === "DAY" && ", by days of UTC"}
        </Text>
      </figcaption>
      <details className={classes.details}>
        <summary>As a table</summary>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">{unit}</th>
            </tr>
          </thead>
          <tbody>
            {bars
              .filter((bar) => bar.value > 0)
              .map((bar) => (
                <tr key={bar.start}>
                  <td>{label(bar.start)}</td>
                  <td>{count.format(bar.value)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
