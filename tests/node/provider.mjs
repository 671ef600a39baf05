// An OIDC provider with its own login pages for tests. It reads one line of JSON, {"redirect_uri", "home"}, prints its URL,
// and serves until its standard input ends. Anybody may log in: the login is the subject, in the tenant acme, an operator.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const input = createInterface({ input: process.stdin });
input.on("close", () => process.exit(0));
const [line] = await once(input, "line");
const { redirect_uri, home } = JSON.parse(line);
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "console",
      client_secret: "a secret: with % and +",
      redirect_uris: [redirect_uri],
      post_logout_redirect_uris: [home],
    },
  ],
  claims: { openid: ["sub", "tenant_id", "roles"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["only for tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, tenant_id: "acme", roles: ["operator"] }),
  }),
});
server.on("request", provider.callback());
console.log(JSON.stringify(issuer));
