"use client";
import { useActionState } from "react";
import { signIn, signUp } from "@/app/account";

export function SignIn() {
  const [problem, act, busy] = useActionState(async (_: string | undefined, form: FormData) => {
    return form.get("way") === "up" ? signUp(form) : signIn(form);
  }, undefined);
  return (
    <form action={act}>
      <p><label>E-mail address <input name="email" type="email" autoComplete="email" required /></label></p>
      <p><label>Password <input name="password" type="password" minLength={6} required /></label></p>
      {problem ? <p role="alert">{problem}</p> : null}
      <button name="way" value="in" disabled={busy}>Sign in</button>{" "}
      <button name="way" value="up" disabled={busy}>Sign up</button>
    </form>
  );
}
