// An OpenID provider for tests: oidc-provider with the people and the client that its one argument, JSON, names:
//
//   {"clients": [{…}], "people": {"ada": {"groups": ["ops"], …}}, "port": 0}
//
// It writes its issuer to standard output when it listens, and ends when its standard input does. Whoever signs in says
// who they are and needs no password.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const modules = process.argv[2];
const config = JSON.parse(process.argv[3]);
const require = createRequire(path.join(modules, "package.json"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (body) => `<!DOCTYPE html><html lang="en"><title>Provider</title><h1>Provider</h1>${body}</html>`;

const server = createServer();
await new Promise((listening) => server.listen(config.port ?? 0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: config.clients,
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups", "realm"] },
  scopes: ["openid", "profile", "email", "groups"],
  conformIdTokenClaims: config.conform ?? false,
  pkce: { required: () => true },
  cookies: { keys: ["only for tests"] },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => { ctx.body = page(`${form}<button autofocus type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>`); },
    },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, ...config.people[id] }),
  }),
  loadExistingGrant: async (ctx) => {
    const { client, session } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile email groups");
    await grant.save();
    return grant;
  },
});

const read = async (request) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
};

server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  try {
    if (request.method === "POST") {
      const login = (await read(request)).get("login");
      const result = login in config.people ? { login: { accountId: login } } : { error: "access_denied", error_description: "nobody of this name" };
      return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    }
    const { uid } = await provider.interactionDetails(request, response);
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(page(`<form method="post" action="/interaction/${escape(uid)}"><input id="login" name="login" autofocus><button id="go">Sign in</button></form>`));
  } catch (error) {
    response.statusCode = 400;
    response.end(String(error));
  }
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
console.log(issuer);
