/** Addresses as QEMU reads them. Every text was asked of a live QEMU 7.2, unless it says otherwise. */
import t from 'tap'
import { descriptorOf, parseUri, problemOf, socketAddress } from './uri.ts'

t.test('tcp: hosts, ports, ranges and families', async (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ['tcp:127.0.0.1:4444', { host: '127.0.0.1', port: 4444 }],
    ['tcp:host.example:0', { host: 'host.example', port: 0 }],
    ['tcp:[::1]:65535', { host: '::1', port: 65_535 }],
    ['tcp:[fe80::1%eth0]:1', { host: 'fe80::1%eth0', port: 1 }],
    ['tcp::4444', { host: '', port: 4444 }],
    ['tcp:0:4444', { host: '0', port: 4444 }],
    ['tcp:h:4444,to=4448', { host: 'h', port: 4444, to: 4448 }],
    ['tcp:h:4444,to=4448,ipv4', { host: 'h', port: 4444, to: 4448, ipv4: true }],
    ['tcp:h:1,ipv4=off,ipv6=on', { host: 'h', port: 1, ipv4: false, ipv6: true }],
    ['tcp:h:1,keep-alive,bogus=3', { host: 'h', port: 1 }],
  ]
  for (const [uri, address] of cases) {
    t.strictSame(parseUri(uri), { transport: 'tcp', ...address }, uri)
    t.equal(problemOf(uri, 'outgoing'), undefined)
  }
})

t.test('tcp: what is wrong with an address', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['', "error parsing address ''"],
    ['localhost', "error parsing address 'localhost'"],
    ['127.0.0.1:', "error parsing address '127.0.0.1:'"],
    ['127.0.0.1:,x', "error parsing address '127.0.0.1:,x'"],
    [':', "error parsing port in address ':'"],
    ['[::1', "error parsing IPv6 address '[::1'"],
    ['[]:1', "error parsing IPv6 address '[]:1'"],
    ['h:1,to=x', 'error parsing to= argument'],
    ['h:1,to=3x', 'error parsing to= argument'],
    ['h:1,to=', 'error parsing to= argument'],
    ['h:1,ipv4=maybe', "error parsing 'ipv4' flag '=maybe'"],
    ['h:1,ipv4=on,,x', "error parsing 'ipv4' flag '=on,,x'"],
    ['h:1,ipv4x', "error parsing 'ipv4' flag 'x'"],
    ['h:1,ipv4=off,ipv6=off', 'Cannot disable IPv4 and IPv6 at same time'],
    ['h:-1', 'address resolution failed for h:-1: Servname not supported for ai_socktype'],
    ['h:1x', 'address resolution failed for h:1x: Servname not supported for ai_socktype'],
    ['h:notaport', 'address resolution failed for h:notaport: Servname not supported for ai_socktype'],
    // QEMU takes these modulo 65536, and then listens where nobody asked it to.
    ['h:70000', 'address resolution failed for h:70000: Servname not supported for ai_socktype'],
    ['h:1,to=70000', 'error parsing to= argument'],
  ]
  for (const [address, text] of cases)
    for (const direction of ['outgoing', 'incoming'] as const) {
      t.equal(problemOf(`tcp:${address}`, direction), text, address)
      t.equal(parseUri(`tcp:${address}`), undefined, address)
    }
})

t.test('unix, exec and fd take everything behind the colon', async (t) => {
  t.strictSame(parseUri('unix:/tmp/a,b'), { transport: 'unix', path: '/tmp/a,b' })
  t.strictSame(parseUri('exec:gzip -c > "a:b"'), { transport: 'exec', command: 'gzip -c > "a:b"' })
  t.strictSame(parseUri('exec:'), { transport: 'exec', command: '' }, 'an empty command is one that ends at once')
  t.strictSame(parseUri('fd:migration'), { transport: 'fd', name: 'migration' })
  t.equal(problemOf('unix:', 'outgoing'), 'invalid Unix socket address')
  t.equal(problemOf('exec:', 'outgoing'), undefined)
})

t.test('fd: only what the process was given', async (t) => {
  const options = { descriptors: ['out', '7'], profile: '7.2' } as const
  for (const name of ['out', '7']) {
    t.equal(problemOf(`fd:${name}`, 'outgoing', options), undefined)
    t.equal(descriptorOf(`fd:${name}`), name)
  }
  for (const name of ['', 'nosuch', '999', '-1'])
    for (const direction of ['outgoing', 'incoming'] as const)
      t.equal(problemOf(`fd:${name}`, direction, options), `File descriptor named '${name}' has not been found`)
  t.equal(problemOf('fd:1x', 'incoming', options), "Invalid file descriptor number '1x'", '7.2')
  t.equal(problemOf('fd:1x', 'outgoing', options), "File descriptor named '1x' has not been found", '7.2')
  t.equal(descriptorOf('tcp:h:1'), undefined)
})

t.test('no transport at all', async (t) => {
  for (const uri of ['', 'bogus:1', 'rdma:h:1', 'vsock:1:1', 'file:x']) {
    t.equal(problemOf(uri, 'outgoing'), "Parameter 'uri' expects a valid migration protocol", uri)
    t.equal(problemOf(uri, 'incoming'), `unknown migration protocol: ${uri}`, uri)
  }
})

t.test('7.2 tells where it listens', async (t) => {
  t.strictSame(socketAddress('tcp:[::]:4444'), [{ port: '4444', ipv6: true, host: '::', type: 'inet' }])
  t.strictSame(socketAddress('tcp:127.0.0.1:4444'), [{ port: '4444', ipv4: true, host: '127.0.0.1', type: 'inet' }])
  t.strictSame(socketAddress('unix:/a'), [{ path: '/a', type: 'unix' }])
  t.strictSame(socketAddress('exec:cat'), [])
})
