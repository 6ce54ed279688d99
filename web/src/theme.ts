import { type ConvertCSSVariablesInput, createTheme, type MantineTheme } from "@mantine/core";

/** Colours, sizes and manners of components. `vite.config.ts` turns it into a style sheet. */
export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  colors: {
    dark: [
      "#d8dce5",
      "#bcc3d0",
      "#9aa3b5",
      "#717b8f",
      "#4a5365",
      "#363e4d",
      "#272e3a",
      "#191e28",
      "#141821",
      "#0e1118",
    ],
  },
  components: {
    Tooltip: {
      defaultProps: { withArrow: true, openDelay: 300, events: { hover: true, focus: true, touch: true } },
    },
  },
});

/** Where the library's own colours are too faint to be read by everyone (WCAG 2.2 AA). */
export function variables(theme: MantineTheme): ConvertCSSVariablesInput {
  const light: Record<string, string> = {
    "--mantine-color-dimmed": "#565f6b",
    "--mantine-color-placeholder": "#68717d",
    "--mantine-color-error": "var(--mantine-color-red-9)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-8)",
    "--mantine-color-red-filled": "var(--mantine-color-red-9)",
    "--mantine-color-red-filled-hover": "#a61e1e",
    "--line": "#d9dee5",
    "--sunken": "#f4f6f9",
    "--bar": "var(--mantine-color-indigo-6)",
  };
  const dark: Record<string, string> = {
    "--mantine-color-dimmed": "var(--mantine-color-dark-2)",
    "--mantine-color-placeholder": "#8c95a7",
    "--mantine-color-error": "var(--mantine-color-red-4)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-3)",
    "--mantine-color-red-filled": "#b92c2c",
    "--mantine-color-red-filled-hover": "#a02626",
    "--line": "var(--mantine-color-dark-5)",
    "--sunken": "var(--mantine-color-dark-8)",
    "--bar": "var(--mantine-color-indigo-4)",
  };
  for (const name of Object.keys(theme.colors)) {
    light[`--mantine-color-${name}-light-color`] = `var(--mantine-color-${name}-9)`;
    dark[`--mantine-color-${name}-light-color`] = `var(--mantine-color-${name}-2)`;
    // The library's own tints are as loud as a button on a dark page.
    dark[`--mantine-color-${name}-light`] =
      `color-mix(in srgb, var(--mantine-color-${name}-6) 18%, transparent)`;
    dark[`--mantine-color-${name}-light-hover`] =
      `color-mix(in srgb, var(--mantine-color-${name}-6) 26%, transparent)`;
  }
  // The darkest of these are still too light on their own tint.
  for (const [name, value] of Object.entries({
    yellow: "#8f4a00",
    orange: "#a33c00",
    green: "#1d6b2c",
    teal: "#066649",
    gray: "#3d444c",
  })) {
    light[`--mantine-color-${name}-light-color`] = value;
  }
  return { variables: {}, light, dark };
}
