"use client";
import { useEffect, useState } from "react";
import { cancelLater, payLater, paySeveral } from "@/app/orders/actions";

interface Order {
  id: string;
  status: string;
  message: { payload: { order: number } };
}

/** Calls the API with the rights of who is signed in: his cookies go along, to this page's own origin. */
async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`/api/symphony/${path}`, {
    method,
    ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

export default function Orders() {
  const [orders, setOrders] = useState<Order[]>();
  const [problem, setProblem] = useState<string>();
  const [told, tell] = useState<string>();

  async function look() {
    try {
      setOrders((await call<{ messages: Order[] }>("GET", "messages?type=order.paid")).messages);
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
  }
  useEffect(() => {
    void look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, []);

  async function pay(form: FormData) {
    const payload = { order: Number(form.get("order")) };
    try {
      await call("POST", "dispatch", { message: { type: "order.paid", payload } });
      await look();
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <main>
      <h1>Orders</h1>
      <form action={pay}>
        <label>Order <input name="order" type="number" required /></label> <button>Pay</button>
      </form>
      {problem ? <p role="alert">{problem}</p> : null}
      <h2>Yours</h2>
      <ul aria-label="Your orders">
        {orders?.map(({ id, status, message }) => <li key={id} data-id={id}>Order {message.payload.order}: {status}</li>)}
      </ul>
      {orders?.length === 0 ? <p>You have paid nothing yet.</p> : null}

      <h2>The shop's</h2>
      <p>
        <button onClick={async () => tell(JSON.stringify(await payLater()))}>Pay order 42 in 15 minutes</button>{" "}
        <button onClick={async () => tell(await cancelLater())}>Do not pay order 42</button>{" "}
        <button onClick={async () => tell((await paySeveral([1, 2, 3])).join(", "))}>Pay orders 1, 2 and 3</button>
      </p>
      <output>{told}</output>
    </main>
  );
}
