#ifndef FLUXON_COPENSSL_H
#define FLUXON_COPENSSL_H
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#endif
