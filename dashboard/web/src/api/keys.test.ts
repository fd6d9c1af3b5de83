import { expect, test } from "vitest";
import { nameOfKey } from "./keys";

const keys = [{ id: "ntslzzbq53ykpetw", name: "checkout" }, { id: "ntslzzbq53ykpeta", name: "" }];

test.each([
  ["ntslzzbq53ykpetw", "checkout"],
  ["api_key:ntslzzbq53ykpetw", "checkout"],
  ["user:ntslzzbq53ykpetw", undefined],
  ["NTSLZZBQ53YKPETW", undefined],
  ["ntslzzbq53ykpet", undefined],
  ["checkout", undefined],
  ["ntslzzbq53ykpeta", undefined], // its name cannot be read
  ["7c1e0b52-6c0f-4a5e-9a4b-0d7d0e4a6f11", undefined],
  ["local", undefined],
])("%s is told as the key %s", (by, name) => expect(nameOfKey(keys, by)).toBe(name));
