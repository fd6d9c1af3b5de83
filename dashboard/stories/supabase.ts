import { createHash, createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const secret = "a-secret-of-at-least-thirty-two-characters";
const base64 = (what: object) => Buffer.from(JSON.stringify(what)).toString("base64url");

type User = { id: string; email: string; password: string };

/**
 * The authentication server of a Supabase project, as far as signing up and in goes: ada's password is "secret", GitHub
 * knows her and sends her back at once, and a link that is mailed to her stands in mails. Who signs up is signed in at
 * once. It speaks the routes of GoTrue that supabase-js calls for it.
 */
export class Supabase {
  /** The shared secret with which tokens are signed, and the project's public key. */
  readonly secret = secret;
  readonly anonKey = "anon";
  /** What was mailed: addresses that sign in. */
  readonly mails: string[] = [];
  private readonly challenges = new Map<string, string>();
  private readonly users = new Map<string, User>([["ada@example.com", { id: "ada-1", email: "ada@example.com", password: "secret" }]]);
  /** Who has which access and refresh tokens. */
  private readonly tokens = new Map<string, User>();
  private constructor(private readonly http: HttpServer) {}

  static async start(): Promise<Supabase> {
    const http = createServer((req, res) => void supabase.answer(req, res));
    const supabase = new Supabase(http);
    await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
    return supabase;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** The part of a configuration that names this project. */
  get configuration(): string {
    return `supabase: { url: "${this.url}", jwt_secret: "${secret}", anon_key: anon }\n`;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }

  private async answer(req: IncomingMessage, res: ServerResponse) {
    let text = "";
    for await (const chunk of req) text += chunk;
    const body = JSON.parse(text || "{}") as Record<string, string>;
    const url = new URL(req.url ?? "", this.url);
    const say = (status: number, what: object) => res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(what));
    if (url.pathname === "/auth/v1/settings") return say(200, { external: { email: true, phone: true, github: true, apple: false } });
    if (url.pathname === "/auth/v1/authorize") return res.writeHead(302, { location: this.back(url, url.searchParams.get("code_challenge")!) }).end();
    if (url.pathname === "/auth/v1/otp") {
      if (body.email === "ada@example.com") this.mails.push(this.back(url, body.code_challenge!));
      return say(200, {});
    }
    const bearer = this.tokens.get((req.headers.authorization ?? "").replace("Bearer ", ""));
    if (url.pathname === "/auth/v1/user" && bearer) return say(200, account(bearer));
    if (url.pathname === "/auth/v1/logout" && bearer) return res.writeHead(204).end();
    if (url.pathname === "/auth/v1/signup") {
      const { email = "", password = "" } = body;
      if (this.users.has(email)) return say(422, { code: 422, error_code: "user_already_exists", msg: "User already registered" });
      this.users.set(email, { id: randomUUID(), email, password });
      return say(200, this.session(this.users.get(email)!));
    }
    const known = url.pathname === "/auth/v1/token" && this.known(url, body);
    if (known) return say(200, this.session(known));
    return say(400, { code: 400, error_code: "invalid_credentials", msg: "Invalid login credentials" });
  }

  /** The way back, with a code that is good once, for who has the verifier of the challenge. */
  private back(url: URL, challenge: string): string {
    const code = `code-${this.challenges.size}`;
    this.challenges.set(code, challenge);
    return `${url.searchParams.get("redirect_to")}?code=${code}`;
  }

  /** Whom a request for a token is from. */
  private known(url: URL, body: Record<string, string>): User | undefined {
    const by = url.searchParams.get("grant_type");
    const named = this.users.get(body.email ?? "");
    if (by === "password") return named?.password === body.password ? named : undefined;
    if (by === "refresh_token") return this.tokens.get(body.refresh_token ?? "");
    const challenge = createHash("sha256").update(body.code_verifier ?? "").digest("base64url");
    const known = this.challenges.get(body.auth_code!) === challenge;
    this.challenges.delete(body.auth_code!);
    return known ? this.users.get("ada@example.com") : undefined;
  }

  private session(user: User): object {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.url + "/auth/v1", aud: "authenticated", role: "authenticated", sub: user.id, email: user.email, iat: now,
      exp: now + 3600, session_id: randomUUID(),
    };
    const signed = `${base64({ alg: "HS256", typ: "JWT" })}.${base64(claims)}`;
    const token = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    const refresh = randomUUID();
    this.tokens.set(token, user).set(refresh, user);
    return {
      access_token: token, token_type: "bearer", expires_in: 3600, expires_at: claims.exp, refresh_token: refresh,
      user: account(user),
    };
  }
}

/** A user as GoTrue tells of one. */
function account({ id, email }: User): object {
  const at = "2026-01-01T00:00:00Z";
  return {
    id, email, aud: "authenticated", role: "authenticated", created_at: at, email_confirmed_at: at, identities: [],
    app_metadata: { provider: "email", providers: ["email"] }, user_metadata: {},
  };
}
