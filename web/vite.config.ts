import {
  convertCssVariables,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from "@mantine/core";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { theme, variables } from "./src/theme.ts";

const NAME = "virtual:theme.css";

/**
 * The theme's variables as a file: Mantine would put them into a `<style>` at run time, which the Content-Security-Policy
 * forbids.
 */
function themeFile(): Plugin {
  return {
    name: "theme-file",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : undefined),
    load(id) {
      if (id !== `\0${NAME}`) return undefined;
      const merged = mergeMantineTheme(DEFAULT_THEME, theme);
      const base = defaultCssVariablesResolver(merged);
      const own = variables(merged);
      const css = convertCssVariables({
        variables: { ...base.variables, ...own.variables },
        light: { ...base.light, ...own.light },
        dark: { ...base.dark, ...own.dark },
      });
      const scheme = (name: string) =>
        `:root[data-mantine-color-scheme="${name}"]{--mantine-color-scheme:${name};color-scheme:${name}}`;
      return `${css}${scheme("light")}${scheme("dark")}`;
    },
  };
}

export default defineConfig({
  plugins: [react(), themeFile()],
  build: {
    target: "es2022",
    // A `data:` address is no file with a name of its own, and the icon would be one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "^/(v1|v2|gateway|healthz|readyz|metrics|openapi.json)": {
        target: process.env.SEXTANT_URL ?? "http://127.0.0.1:7117",
        // The server takes changes from its own pages only.
        configure: (proxy) => {
          proxy.on("proxyReq", (request) => {
            if (request.getHeader("origin"))
              request.setHeader("origin", process.env.SEXTANT_URL ?? "http://127.0.0.1:7117");
          });
        },
        changeOrigin: true,
      },
    },
  },
});
