// Runs forge/fill as a person does.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const APP = "0f3a1c52-9d55-4f0e-8a0e-3b6a51c0de42";
export const script = join(dirname(dirname(fileURLToPath(import.meta.url))), "fill");
const GOOD = { LATCHKEY_FORGE_APP_ID: APP, LATCHKEY_APP_NAME: "Latchkey", LATCHKEY_BASE_URL: "https://latchkey.example.com" };

// A folder of its own for each; `remove` ends it.
export function fill(variables = {}, ...args) {
  const top = mkdtempSync(join(tmpdir(), "latchkey-forge-"));
  const folder = join(top, "app");
  const { PATH } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [script, folder, ...args], { env: { PATH, ...GOOD, ...variables }, encoding: "utf8" });
  return { folder, status, stderr, remove: () => rmSync(top, { recursive: true, force: true }) };
}
