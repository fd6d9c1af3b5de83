import{r as e}from"./rolldown-runtime-XKyaHtl9.js";import{a as t,o as n}from"./json-DVeCHP21.js";import{_ as r}from"./number-CO3Og1Zl.js";import{M as i}from"./states-D3woWu0X.js";import{t as a}from"./copy-ASYPzRvz.js";import{r as o}from"./field-CU7ur_N1.js";var s=e(n(),1),c=t(),l=i.samples;function u({type:e=`demo.hello`,queue:t,transport:n}){let[i,u]=(0,s.useState)(`curl`),d=location.origin+r(),f=Object.entries({transport:n,queue:t}).filter(e=>e[1]!==void 0),p={message:{type:e,payload:{name:`Ada`}},...f.length>0&&{options:Object.fromEntries(f)}},m=f.map(([e])=>`${e.charAt(0).toUpperCase()}${e.slice(1)}: &${e}`).join(`, `),h={curl:`curl -X POST ${d}api/symphony/dispatch \\
  -H 'X-API-Key: YOUR_API_KEY' \\
  -H 'Content-Type: application/json' \\
  -d '${JSON.stringify(p).replaceAll(`'`,`'\\''`)}'`,go:`${f.map(([e,t])=>`${e} := ${JSON.stringify(t)}\n`).join(``)}c, err := client.New(${JSON.stringify(d)}, "YOUR_API_KEY", client.Options{})
if err != nil {
	return err
}
receipt, err := c.Dispatch(ctx, wire.DispatchRequest{
	Message: wire.Message{Type: ${JSON.stringify(e)}, Payload: []byte(\`{"name": "Ada"}\`)},${m===``?``:`
	Options: wire.DispatchOptions{${m}},`}
})`,ts:`const response = await fetch(${JSON.stringify(d+`api/symphony/dispatch`)}, {
  method: "POST",
  headers: { "X-API-Key": "YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify(${JSON.stringify(p,null,2).replaceAll(`
`,`
  `)}),
});
if (!response.ok) throw new Error(await response.text());`};return(0,c.jsxs)(`div`,{className:`flex min-w-0 flex-col items-start gap-2 text-text`,children:[(0,c.jsx)(o,{label:l.label,value:i,options:[[`curl`,`curl`],[`go`,`Go`],[`ts`,`TypeScript`]],onChange:u}),(0,c.jsx)(`div`,{className:`w-full min-w-0`,children:(0,c.jsx)(a,{label:l.copy,children:h[i]})})]})}export{u as t};