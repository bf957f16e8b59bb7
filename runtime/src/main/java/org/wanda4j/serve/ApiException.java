package org.wanda4j.serve;

import java.util.Optional;

/// An error response, as OpenAI's interface defines it.
final class ApiException extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final int status;
    private final transient ErrorDetail detail;

    /// Body of the response.
    record ErrorBody(ErrorDetail error) {}

    /// What is wrong.
    ///
    /// @param param path of the field that is wrong
    /// @param code machine-readable reason
    record ErrorDetail(
            String message, String type, Optional<String> param, Optional<String> code) {}

    private ApiException(int status, ErrorDetail detail) {
        super(detail.message());
        this.status = status;
        this.detail = detail;
    }

    /// A valid request that the server cannot process now.
    static ApiException ofServer(int status, String message) {
        return new ApiException(
                status,
                new ErrorDetail(message, "server_error", Optional.empty(), Optional.empty()));
    }

    /// Too many requests: status 429.
    static ApiException busy(String message) {
        return new ApiException(
                429,
                new ErrorDetail(
                        message,
                        "rate_limit_error",
                        Optional.empty(),
                        Optional.of("rate_limit_exceeded")));
    }

    /// A field with an invalid value: status 400.
    static ApiException ofField(String field, String message) {
        return new ApiException(400, invalid(message, Optional.of(field), Optional.empty()));
    }

    /// An invalid request.
    static ApiException invalid(int status, String message) {
        return new ApiException(status, invalid(message, Optional.empty(), Optional.empty()));
    }

    /// An invalid request.
    ///
    /// @param code machine-readable reason
    static ApiException invalid(int status, String code, String message) {
        return new ApiException(status, invalid(message, Optional.empty(), Optional.of(code)));
    }

    private static ErrorDetail invalid(
            String message, Optional<String> param, Optional<String> code) {
        return new ErrorDetail(message, "invalid_request_error", param, code);
    }

    int status() {
        return status;
    }

    ErrorBody body() {
        return new ErrorBody(detail);
    }
}
