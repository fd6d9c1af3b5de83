import type { Metadata } from "next";
import Link from "next/link";
import type { ReactNode } from "react";

export const metadata: Metadata = { title: "Shop" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body style={{ fontFamily: "system-ui", maxWidth: "44rem", margin: "2rem auto", padding: "0 1rem" }}>
        <nav style={{ display: "flex", gap: "1rem" }}>
          <Link href="/">Account</Link>
          <Link href="/export">Export</Link>
          <Link href="/orders">Orders</Link>
        </nav>
        {children}
      </body>
    </html>
  );
}
