import { app } from './app.js';
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
    if (error)
        throw error;
    console.log(`listening on http://localhost:${server.address().port}`);
});
// Requests that have come are answered, pushes among them; the server of the queue tries the others again.
for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => server.close());
}
