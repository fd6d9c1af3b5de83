"use server";
import { redirect } from "next/navigation";
import { supabase } from "@/lib/supabase";
import { symphony } from "@/lib/symphony";

function credentials(form: FormData) {
  return { email: String(form.get("email")), password: String(form.get("password")) };
}

/** Makes an account, and has its owner welcomed. Tells what is wrong. */
export async function signUp(form: FormData): Promise<string> {
  const { data, error } = await (await supabase()).auth.signUp(credentials(form));
  if (error) return error.message;
  if (data.user?.email) {
    await symphony.dispatch("mail.welcome", { to: data.user.email }, { idempotencyKey: `welcome-${data.user.id}` });
  }
  if (!data.session) return "A mail with a link is on its way to you.";
  redirect("/");
}

/** Tells what is wrong. */
export async function signIn(form: FormData): Promise<string> {
  const { error } = await (await supabase()).auth.signInWithPassword(credentials(form));
  if (error) return error.message;
  redirect("/");
}

export async function signOut(): Promise<void> {
  await (await supabase()).auth.signOut();
  redirect("/");
}
