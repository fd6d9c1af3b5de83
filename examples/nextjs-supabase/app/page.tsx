import { Suspense } from "react";
import { signOut } from "@/app/account";
import { SignIn } from "@/app/sign-in";
import { mailsTo } from "@/lib/outbox";
import { user } from "@/lib/supabase";

export default function Page() {
  return (
    <main>
      <h1>Your account</h1>
      <Suspense fallback={<p>One moment…</p>}>
        <Account />
      </Suspense>
    </main>
  );
}

/** Waits for who is signed in, which no page that is made in advance can know. */
async function Account() {
  const who = await user();
  if (!who) return <SignIn />;
  const mails = mailsTo(who.email ?? "");
  return (
    <>
      <p>Signed in as {who.email}</p>
      <h2>What was mailed to you</h2>
      {mails.length === 0 ? <p>Nothing yet: reload the page in a moment.</p> : null}
      <ul>
        {mails.map((mail, i) => <li key={i}>{mail.subject}</li>)}
      </ul>
      <form action={signOut}><button>Sign out</button></form>
    </>
  );
}
