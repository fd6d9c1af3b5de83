import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const secret = "a-secret-of-at-least-thirty-two-characters";
const base64 = (what: object) => Buffer.from(JSON.stringify(what)).toString("base64url");

/**
 * The authentication server of a Supabase project, as far as signing in goes: ada's password is "secret", GitHub knows
 * her and sends her back at once, and a link that is mailed to her stands in mails.
 */
export class Supabase {
  /** What was mailed: addresses that sign in. */
  readonly mails: string[] = [];
  private readonly challenges = new Map<string, string>();
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
    if (url.pathname === "/auth/v1/token" && this.knows(url, body)) {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: this.url + "/auth/v1", aud: "authenticated", role: "authenticated", sub: "ada-1", email: "ada@example.com", exp: now + 3600 };
      const signed = `${base64({ alg: "HS256", typ: "JWT" })}.${base64(claims)}`;
      return say(200, { access_token: `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}` });
    }
    return say(400, { code: 400, error_code: "invalid_credentials", msg: "Invalid login credentials" });
  }

  /** The way back, with a code that is good once, for who has the verifier of the challenge. */
  private back(url: URL, challenge: string): string {
    const code = `code-${this.challenges.size}`;
    this.challenges.set(code, challenge);
    return `${url.searchParams.get("redirect_to")}?code=${code}`;
  }

  private knows(url: URL, body: Record<string, string>): boolean {
    if (url.searchParams.get("grant_type") === "password") return body.email === "ada@example.com" && body.password === "secret";
    const challenge = createHash("sha256").update(body.code_verifier ?? "").digest("base64url");
    const known = this.challenges.get(body.auth_code!) === challenge;
    this.challenges.delete(body.auth_code!);
    return known;
  }
}
