using KestrelKv.Storage;
using Microsoft.AspNetCore.Mvc;

namespace KestrelKv.Server.Admin;

/// <summary>What writes of a value may have beside the key and the conditions.</summary>
public sealed class WriteParameters : IdempotencyParameter
{
    /// <summary>For how many seconds the entry is kept; fractions are allowed.</summary>
    /// <example>3600</example>
    [FromQuery(Name = "ttl")]
    public decimal? Ttl { get; init; }

    /// <summary>Until when the entry is kept: Unix time in seconds; fractions are allowed.</summary>
    [FromQuery(Name = "expires_at")]
    public decimal? ExpiresAt { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>When the entry expires, in milliseconds of Unix time; null where it is not said.</summary>
    internal long? Expiry { get; private set; }

    private protected override IResult? Check()
    {
        if (base.Check() is { } invalid) return invalid;
        if (Ttl is not null && ExpiresAt is not null) return Problems.BadRequest("invalid_value", "ttl and expires_at are both given, expected one of them");
        if (Ttl is <= 0) return Problems.BadRequest("invalid_value", $"ttl is {Ttl}, expected a number of seconds above 0");
        long now = Time.GetUtcNow().ToUnixTimeMilliseconds();
        decimal? expiry = decimal.Ceiling((Ttl ?? ExpiresAt ?? 0) * 1_000) + (Ttl is null ? 0 : now);
        if (Ttl is null && ExpiresAt is null) return null;
        if (expiry is < 1 or > Operation.ExpiresAtMax)
            return Problems.BadRequest("invalid_value", "the entry would expire before 1970 or after the year 9999");
        Expiry = (long)expiry;
        return null;
    }
}
