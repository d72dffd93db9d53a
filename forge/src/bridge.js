// What the pages use of @forge/bridge. The package's own index brings all of it, 30 KB compressed: it is CommonJS, so
// nothing that is unused can be left out. These are its files by their paths, of the one version that package.json
// names, and the build fails where one is missing. Each throws when it is loaded outside of Jira, as the index does.
import { showFlag } from "../node_modules/@forge/bridge/out/flag/flag.js";
import { invokeRemote } from "../node_modules/@forge/bridge/out/invoke-endpoint/invoke-remote.js";
import { router } from "../node_modules/@forge/bridge/out/router/router.js";
import { createHistory } from "../node_modules/@forge/bridge/out/view/createHistory.js";
import { getContext } from "../node_modules/@forge/bridge/out/view/getContext.js";
import { theme } from "../node_modules/@forge/bridge/out/view/theme.js";

export const view = { createHistory, getContext, theme };
export { invokeRemote, router, showFlag };
