// Checks keys that Latchkey signed, with its public keys alone. Keys come in one a line:
//
//   LATCHKEY_URL=https://latchkey.example.com AUDIENCE=https://api.acme.example.com \
//     java -cp 'lib/*' Check.java < keys.txt
//
// where lib holds org.bitbucket.b_c:jose4j 0.9.6 and its org.slf4j:slf4j-api. Without a call to Latchkey, a key of a
// link that has ended is good until it expires.

import java.io.*;
import java.util.Map;
import java.util.Objects;
import org.jose4j.http.Get;
import org.jose4j.json.JsonUtil;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jwt.consumer.*;
import org.jose4j.keys.resolvers.*;
import org.jose4j.lang.UnresolvableKeyException;

public class Check {
    private final JwtConsumer consumer;

    Check(String latchkey, String audience) {
        var http = new Get();
        http.setConnectTimeout(10_000);
        http.setReadTimeout(10_000);
        // The set is kept for ten minutes, and fetched for a new kid at most every 30 seconds: anybody can invent kids.
        var keySet = new HttpsJwks(latchkey + "/.well-known/jwks.json");
        keySet.setSimpleHttpGet(http);
        keySet.setDefaultCacheDuration(600);
        keySet.setRefreshReprieveThreshold(30_000);
        var keys = new HttpsJwksVerificationKeyResolver(keySet);
        consumer = new JwtConsumerBuilder()
            .setVerificationKeyResolver((token, nesting) -> {
                // jose4j tries any key of the set that fits for a token that names none.
                if (token.getKeyIdHeaderValue() == null) throw new UnresolvableKeyException("no kid");
                return keys.resolveKey(token, nesting);
            })
            .setJwsAlgorithmConstraints(ConstraintType.PERMIT, AlgorithmIdentifiers.EDDSA)
            .setExpectedType(true, "at+jwt")
            .setExpectedIssuer(latchkey)
            .setExpectedAudience(audience)
            .setRequireExpirationTime()
            .setRequireSubject()
            .build();
    }

    Map<String, Object> check(String key) {
        try {
            var claims = consumer.processToClaims(key);
            return Map.of("subject", claims.getSubject(), "generation", claims.getClaimValue("generation"));
        } catch (InvalidJwtException error) {
            // The words of jose4j can repeat the key, which belongs in no log.
            return Map.of("refused", reason(error.getErrorDetails().get(0).getErrorCode()));
        } catch (Exception error) {
            return Map.of("refused", "a claim is missing");
        }
    }

    private static String reason(int code) {
        return switch (code) {
            case ErrorCodes.EXPIRED -> "expired";
            case ErrorCodes.SIGNATURE_INVALID -> "signature";
            case ErrorCodes.TYPE_MISSING, ErrorCodes.TYPE_INVALID -> "typ";
            case ErrorCodes.ISSUER_MISSING, ErrorCodes.ISSUER_INVALID -> "iss";
            case ErrorCodes.AUDIENCE_MISSING, ErrorCodes.AUDIENCE_INVALID -> "aud";
            case ErrorCodes.EXPIRATION_MISSING -> "no exp";
            case ErrorCodes.SUBJECT_MISSING -> "no sub";
            default -> "no token, another alg, an unknown kid, or no key set";
        };
    }

    public static void main(String[] args) throws IOException {
        var latchkey = Objects.requireNonNull(System.getenv("LATCHKEY_URL"), "set LATCHKEY_URL");
        var check = new Check(latchkey, Objects.requireNonNull(System.getenv("AUDIENCE"), "set AUDIENCE"));
        for (var line : (Iterable<String>) new BufferedReader(new InputStreamReader(System.in)).lines()::iterator) {
            System.out.println(JsonUtil.toJson(check.check(line.trim())));
        }
    }
}
