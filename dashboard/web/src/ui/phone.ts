import { useEffect, useState } from "react";

const narrow = typeof matchMedia === "undefined" ? undefined : matchMedia("(max-width: 39.99rem)");

/** Tells whether the window is as narrow as a phone. */
export function usePhone(): boolean {
  const [phone, setPhone] = useState(narrow?.matches ?? false);
  useEffect(() => {
    const change = () => setPhone(narrow?.matches ?? false);
    narrow?.addEventListener("change", change);
    return () => narrow?.removeEventListener("change", change);
  }, []);
  return phone;
}
