package org.wanda4j.serve;

import java.util.Optional;

/// A call that is refused, as OpenAI's interface says it.
final class ApiError extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final int status;
    private final transient Detail detail;

    /// What the body of an answer with an error holds.
    record Body(Detail error) {}

    /// The error.
    ///
    /// @param param the field that is wrong
    /// @param code for programs
    record Detail(String message, String type, Optional<String> param, Optional<String> code) {}

    private ApiError(int status, Detail detail) {
        super(detail.message());
        this.status = status;
        this.detail = detail;
    }

    /// A request that is good, but cannot be answered now.
    static ApiError ofServer(int status, String message) {
        return new ApiError(
                status, new Detail(message, "server_error", Optional.empty(), Optional.empty()));
    }

    /// Too many requests.
    static ApiError busy(String message) {
        return new ApiError(
                429,
                new Detail(
                        message,
                        "rate_limit_error",
                        Optional.empty(),
                        Optional.of("rate_limit_exceeded")));
    }

    /// A field that cannot be used.
    static ApiError ofField(String field, String message) {
        return new ApiError(400, invalid(message, Optional.of(field), Optional.empty()));
    }

    /// A request that cannot be used.
    static ApiError invalid(int status, String message) {
        return new ApiError(status, invalid(message, Optional.empty(), Optional.empty()));
    }

    /// A request that cannot be used, of a kind that programs know.
    static ApiError invalid(int status, String code, String message) {
        return new ApiError(status, invalid(message, Optional.empty(), Optional.of(code)));
    }

    private static Detail invalid(String message, Optional<String> param, Optional<String> code) {
        return new Detail(message, "invalid_request_error", param, code);
    }

    int status() {
        return status;
    }

    Body body() {
        return new Body(detail);
    }
}
