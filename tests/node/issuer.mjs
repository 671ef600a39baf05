// An OIDC issuer for tests. It prints its URL, and answers each line of JSON on standard input with one line:
// {"token": claims, "kid": kid?} signs an access token, {"rotate": algorithm} replaces all keys, {"stop": true} and
// {"start": true} close the port and open it again.
import { createInterface } from "node:readline";
import { OAuth2Server } from "oauth2-mock-server";

let server;
let port = 0;

async function start(algorithm) {
  server = new OAuth2Server();
  const key = await server.issuer.keys.generate(algorithm);
  await server.start(port, "127.0.0.1");
  port = server.address().port;
  return key.kid;
}

async function handled(request) {
  if (request.token) {
    const scopesOrTransform = (header, payload) => {
      delete payload.aud;
      Object.assign(payload, request.token);
    };
    return await server.issuer.buildToken({ scopesOrTransform, expiresIn: 3600 });
  }
  await server.stop();
  if (request.stop) return "stopped";
  return await start(request.rotate ?? "RS256");
}

await start("RS256");
console.log(JSON.stringify(server.issuer.url));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await handled(JSON.parse(line))));
}
process.exit(0);
