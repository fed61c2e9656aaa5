// A real OpenID Connect provider for tests: `node tests/oidc_provider.mjs REDIRECT_URI PEOPLE_FILE CLOCK_OFFSET_SECONDS [SOCKET]` prints its address once it listens,
// on a port of its own or the listening socket of this number. PEOPLE_FILE is JSON, read at each login: {"eve": {"groups": ["ops"]}}. Its own development pages log anybody in by name.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [redirectUri, people, offset, socket] = process.argv.slice(2);
const now = Date.now;
Date.now = () => now() + Number(offset) * 1000;
const { Provider } = await import("oidc-provider");
const server = createServer();
await new Promise((listens) => server.listen(socket ? { fd: Number(socket) } : { host: "127.0.0.1", port: 0 }, listens));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: "hareline", client_secret: "of-the-suite", redirect_uris: [redirectUri], token_endpoint_auth_method: "client_secret_post" }],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
  findAccount: (context, sub) => ({
    accountId: sub,
    claims: () => ({ sub, preferred_username: sub, ...JSON.parse(readFileSync(people, "utf8"))[sub] }),
  }),
  features: { devInteractions: { enabled: true } },
});
server.on("request", provider.callback());
console.log(issuer);
