// OpenSSL 3, for certificates and TLS. The functions here stand for macros and variadic functions, which Swift does not see.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/// A fresh key on the curve P-256; NULL when there is no entropy.
static inline EVP_PKEY *_Nullable mp_p256_key(void) { return EVP_EC_gen("P-256"); }

/// Adds an extension as OpenSSL's configuration files write its value. 1 when it is added.
static inline int mp_add_extension(X509 *_Nonnull certificate, X509 *_Nonnull issuer, int kind,
                                   const char *_Nonnull value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
  if (extension == NULL) return 0;
  int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}

/// Adds `subjectAltName` (RFC 5280 §4.2.1.6) of such names. Addresses are 4 or 16 octets. 1 when it is added.
static inline int mp_add_names(X509 *_Nonnull certificate, GENERAL_NAMES *_Nonnull names) {
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
}

static inline GENERAL_NAMES *_Nullable mp_new_names(void) { return sk_GENERAL_NAME_new_null(); }
static inline void mp_free_names(GENERAL_NAMES *_Nonnull names) {
  sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}
static inline int mp_count_names(GENERAL_NAMES *_Nonnull names) { return sk_GENERAL_NAME_num(names); }

/// Adds a name of a kind (GEN_DNS, GEN_IPADD) to the list. 1 when it is added.
static inline int mp_append_name(GENERAL_NAMES *_Nonnull names, int kind, const void *_Nonnull octets, int count) {
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *value = kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  if (name == NULL || value == NULL || ASN1_STRING_set(value, octets, count) != 1) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(value);
    return 0;
  }
  GENERAL_NAME_set0_value(name, kind, value);
  if (sk_GENERAL_NAME_push(names, name) > 0) return 1;
  GENERAL_NAME_free(name);
  return 0;
}

/// The kind and the octets of a name in the list; NULL when it is neither GEN_DNS nor GEN_IPADD.
static inline const unsigned char *_Nullable mp_name(GENERAL_NAMES *_Nonnull names, int index, int *_Nonnull kind,
                                                     int *_Nonnull count) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  const ASN1_STRING *value = name == NULL ? NULL : (const ASN1_STRING *)GENERAL_NAME_get0_value(name, kind);
  if (value == NULL || (*kind != GEN_DNS && *kind != GEN_IPADD)) return NULL;
  *count = ASN1_STRING_length(value);
  return ASN1_STRING_get0_data(value);
}

/// Writes a name as RFC 4514 has it, text in UTF-8. 1 when it is written.
static inline int mp_write_name(BIO *_Nonnull bio, const X509_NAME *_Nonnull name) {
  return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0 ? 0 : 1;
}

/// The contents of a BIO in memory.
static inline long mp_bio_data(BIO *_Nonnull bio, char *_Nullable *_Nonnull data) { return BIO_get_mem_data(bio, data); }

// TLS. The octets of the wire go through two functions of the caller's, not through a socket.

/// Who carries the octets of a connection. `read` gives how many it put into the room, or 0 when there are none yet; `write`
/// takes all.
typedef struct {
  void *_Nonnull owner;
  int (*_Nonnull read)(void *_Nonnull owner, char *_Nonnull room, int count);
  void (*_Nonnull write)(void *_Nonnull owner, const char *_Nonnull octets, int count);
} mp_carrier;

static inline int mp_bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static inline int mp_bio_destroy(BIO *bio) {
  BIO_set_data(bio, NULL);
  return 1;
}

static inline int mp_bio_read(BIO *bio, char *room, int count) {
  mp_carrier *carrier = (mp_carrier *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (carrier == NULL || room == NULL || count <= 0) return -1;
  int found = carrier->read(carrier->owner, room, count);
  if (found > 0) return found;
  BIO_set_retry_read(bio);
  return -1;
}

static inline int mp_bio_write(BIO *bio, const char *octets, int count) {
  mp_carrier *carrier = (mp_carrier *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (carrier == NULL || octets == NULL || count <= 0) return -1;
  carrier->write(carrier->owner, octets, count);
  return count;
}

static inline long mp_bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// How a carrier is used; made once. NULL without memory.
static inline BIO_METHOD *_Nullable mp_carrier_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "carrier");
  if (method == NULL) return NULL;
  BIO_meth_set_create(method, mp_bio_create);
  BIO_meth_set_destroy(method, mp_bio_destroy);
  BIO_meth_set_read(method, mp_bio_read);
  BIO_meth_set_write(method, mp_bio_write);
  BIO_meth_set_ctrl(method, mp_bio_control);
  return method;
}

/// Puts a carrier, which lives as long as the connection, below it. 1 when done.
static inline int mp_carry(SSL *_Nonnull connection, BIO_METHOD *_Nonnull method, mp_carrier *_Nonnull carrier) {
  BIO *bio = BIO_new(method);
  if (bio == NULL) return 0;
  BIO_set_data(bio, carrier);
  SSL_set_bio(connection, bio, bio);
  return 1;
}

static inline void mp_set_modes(SSL_CTX *_Nonnull context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}

/// The least and the greatest version. 1 when both are possible.
static inline int mp_set_versions(SSL_CTX *_Nonnull context, int least, int greatest) {
  return SSL_CTX_set_min_proto_version(context, least) == 1 && SSL_CTX_set_max_proto_version(context, greatest) == 1;
}

static inline void mp_set_server_name(SSL *_Nonnull connection, const char *_Nonnull name) {
  SSL_set_tlsext_host_name(connection, name);
}

/// Adds a certificate of the chain; its reference stays the caller's. 1 when it is added.
static inline int mp_add_chain(SSL *_Nonnull connection, X509 *_Nonnull certificate) {
  return (int)SSL_add1_chain_cert(connection, certificate);
}

static inline void mp_keep_sessions(SSL_CTX *_Nonnull context, int server) {
  SSL_CTX_set_session_cache_mode(context, server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
}

/// Adds a certificate to those that a context's connections show behind their own. 1 when it is added.
static inline int mp_context_add_chain(SSL_CTX *_Nonnull context, X509 *_Nonnull certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

/// The certificates that the peer sent, by their place; NULL behind the last. Its reference stays the connection's.
static inline X509 *_Nullable mp_peer_certificate(SSL *_Nonnull connection, int index) {
  STACK_OF(X509) *chain = SSL_get_peer_cert_chain(connection);
  return chain == NULL || index >= sk_X509_num(chain) ? NULL : sk_X509_value(chain, index);
}

/// Whether a certificate, with the `count` others that came with it, is one that a connection of the context believes now: the
/// same roots, the same host, and the time of day. 1 when it is.
static inline int mp_verify(SSL_CTX *_Nonnull context, SSL *_Nonnull connection, X509 *_Nonnull leaf,
                            X509 *_Nullable const *_Nonnull others, int count) {
  X509_STORE_CTX *check = X509_STORE_CTX_new();
  STACK_OF(X509) *chain = sk_X509_new_null();
  int good = check != NULL && chain != NULL;
  for (int index = 0; good && index < count; index++) good = sk_X509_push(chain, others[index]) > 0;
  good = good && X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), leaf, chain) == 1 &&
         X509_STORE_CTX_set_default(check, "ssl_server") == 1 &&
         X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(check), SSL_get0_param(connection)) == 1 &&
         X509_verify_cert(check) == 1;
  X509_STORE_CTX_free(check);
  sk_X509_free(chain);
  return good;
}
