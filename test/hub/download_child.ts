import { downloadModel } from "../../src/hub/download.ts";
import { quietContext } from "../../src/progress.ts";

const [cache, endpoint] = process.argv.slice(2);
const { path } = await downloadModel(
  { type: "model", name: "owner/tiny", revision: "main", path: "" },
  { settings: { cache: cache!, endpoint: endpoint!, token: undefined } },
  quietContext(),
);
process.stdout.write(path);
