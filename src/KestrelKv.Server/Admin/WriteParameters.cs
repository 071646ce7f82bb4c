using KestrelKv.Storage;
using Microsoft.AspNetCore.Mvc;

namespace KestrelKv.Server.Admin;

/// <summary>What writes of a value may have beside the key and the conditions.</summary>
public sealed class WriteParameters : IdempotencyParameter
{
    /// <summary>For how many seconds the entry is kept, such as <c>3600</c>; fractions are allowed.</summary>
    [FromQuery(Name = "ttl")]
    public string? Ttl { get; init; }

    /// <summary>Until when the entry is kept: Unix time in seconds; fractions are allowed.</summary>
    [FromQuery(Name = "expires_at")]
    public string? ExpiresAt { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>When the entry expires, in milliseconds of Unix time; null where it is not said.</summary>
    internal long? Expiry { get; private set; }

    private protected override IResult? Check()
    {
        if (base.Check() is { } invalid) return invalid;
        if (Ttl is not null && ExpiresAt is not null) return Invalid("ttl and expires_at are both given, expected one of them");
        if (Seconds.TryRead("ttl", Ttl, out decimal? ttl) is { } noTtl) return noTtl;
        if (Seconds.TryRead("expires_at", ExpiresAt, out decimal? expiresAt) is { } noTime) return noTime;
        if (ttl is <= 0) return Invalid($"ttl is {Ttl}, expected a number of seconds above 0");
        if (expiresAt is < 0) return Invalid($"expires_at is {ExpiresAt}, expected Unix time in seconds, 0 or more");
        if ((ttl ?? expiresAt) is not { } seconds) return null;

        // A number that is far too great can't be multiplied.
        long from = ttl is null ? 0 : Time.GetUtcNow().ToUnixTimeMilliseconds();
        if (seconds > Operation.ExpiresAtMax || from + decimal.Ceiling(seconds * 1_000) > Operation.ExpiresAtMax)
            return Invalid($"{(ttl is null ? "expires_at" : "ttl")} ends after the year 9999, expected a time before");

        // 0 would be no expiry.
        Expiry = Math.Max(1, from + (long)decimal.Ceiling(seconds * 1_000));
        return null;
    }

    private static IResult Invalid(string detail) => Problems.BadRequest("invalid_value", detail);
}
