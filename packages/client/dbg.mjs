import { UserWorkspaces } from './dist/index.js';
import http from 'node:http';
const s = http.createServer(async (req,res)=>{ if(req.url.endsWith('stuck')) return; try { for await (const c of req) console.log('got', c.length); } catch(e){ console.log('server', e.code)} });
await new Promise(r=>s.listen(0,'127.0.0.1',r));
const c = new UserWorkspaces({baseUrl:'http://127.0.0.1:'+s.address().port, token:'x', logger: console});
async function* failing(){ yield 'a'; throw new Error('disk on fire'); }
async function* endless() { let n=0; try { for (;;) { n++; if (n%1000===0) console.log(n); yield new Uint8Array(65_536);} } finally { console.log('endless closed', n) } }
const t=setTimeout(()=>{console.log('HANG'); process.exit(1)}, 8000);
try { await c.files.write(7,'stuck',endless(),{timeoutMs:300}) } catch(e) { console.log('ERR', e.code, e.cause) }
await new Promise(r=>setTimeout(r,500));
try { await c.files.write(7,'a',failing()) } catch(e) { console.log('ERR', e.code, e.cause?.message) }
clearTimeout(t); s.closeAllConnections(); s.close();
