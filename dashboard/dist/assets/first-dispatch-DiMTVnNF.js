import{r as e}from"./rolldown-runtime-XKyaHtl9.js";import{d as t,n,r}from"./jsx-runtime-BLC46i1o.js";import{f as i}from"./number-_meRovX6.js";import{I as a}from"./states-DJHsfYCQ.js";import{t as o}from"./copy-K2A476A-.js";import{r as s}from"./field-DSOfhI22.js";var c=e(t(),1),l=a.samples;function u({type:e=`demo.hello`,queue:t,transport:a}){let[u,d]=(0,c.useState)(`curl`),f=location.origin+i(),p=Object.entries({transport:a,queue:t}).filter(e=>e[1]!==void 0),m={message:{type:e,payload:{name:`Ada`}},...p.length>0&&{options:Object.fromEntries(p)}},h=p.map(([e])=>`${e.charAt(0).toUpperCase()}${e.slice(1)}: &${e}`).join(`, `),g={curl:`curl -X POST ${f}api/symphony/dispatch \\
  -H 'X-API-Key: YOUR_API_KEY' \\
  -H 'Content-Type: application/json' \\
  -d '${JSON.stringify(m).replaceAll(`'`,`'\\''`)}'`,go:`${p.map(([e,t])=>`${e} := ${JSON.stringify(t)}\n`).join(``)}c, err := client.New(${JSON.stringify(f)}, "YOUR_API_KEY", client.Options{})
if err != nil {
	return err
}
receipt, err := c.Dispatch(ctx, wire.DispatchRequest{
	Message: wire.Message{Type: ${JSON.stringify(e)}, Payload: []byte(\`{"name": "Ada"}\`)},${h===``?``:`
	Options: wire.DispatchOptions{${h}},`}
})`,ts:`const response = await fetch(${JSON.stringify(f+`api/symphony/dispatch`)}, {
  method: "POST",
  headers: { "X-API-Key": "YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify(${JSON.stringify(m,null,2).replaceAll(`
`,`
  `)}),
});
if (!response.ok) throw new Error(await response.text());`};return r(`div`,{className:`flex min-w-0 flex-col items-start gap-2 text-text`,children:[n(s,{label:l.label,value:u,options:[[`curl`,`curl`],[`go`,`Go`],[`ts`,`TypeScript`]],onChange:d}),n(`div`,{className:`w-full min-w-0`,children:n(o,{label:l.copy,children:g[u]})})]})}export{u as t};