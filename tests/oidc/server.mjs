// A certified OAuth2 server on loopback: client credentials in HTTP Basic and in the form, tokens that live for seconds.
// It says where it listens and ends with whoever started it.
import Provider from 'oidc-provider';

const LIFE = 4;

const client = (name, method) => ({
  client_id: `orgpull:${name}`,
  client_secret: `not a real secret +/ of ${name}`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: method,
  scope: 'companies.read',
});

const provider = new Provider('http://127.0.0.1', {
  clients: [client('basic', 'client_secret_basic'), client('post', 'client_secret_post')],
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  scopes: ['companies.read'],
  ttl: { ClientCredentials: LIFE },
});

const server = provider.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.stdin.on('end', () => process.exit(0)).resume();
