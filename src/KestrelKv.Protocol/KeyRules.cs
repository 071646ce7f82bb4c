using System.Diagnostics;

namespace KestrelKv.Protocol;

/// <summary>Validates keys, for the wire and HTTP.</summary>
internal static class KeyRules
{
    /// <summary>Unescapes and validates a key. <paramref name="unescaped"/> is null if the key has no escapes.</summary>
    /// <returns>The error; null if the key is valid.</returns>
    public static ProtocolError? Read(in JsonToken token, ReadOnlyMemory<byte> body, RequestLimits limits, out byte[]? unescaped)
    {
        Debug.Assert(token.IsString);
        return token.TryUnescape(body, out unescaped)
            ? Check(unescaped?.Length ?? token.Inside.Length, limits)
            : new(ErrorCode.InvalidKey, "the key has a lone surrogate, expected valid Unicode");
    }

    /// <summary>Validates the length of a key in UTF-8.</summary>
    /// <returns>The error; null if the key is valid.</returns>
    public static ProtocolError? Check(int keyBytes, RequestLimits limits)
    {
        if (keyBytes == 0)
            return new(ErrorCode.InvalidKey, $"the key is empty, expected 1 to {limits.KeyBytesMax} bytes of UTF-8");
        if (keyBytes > limits.KeyBytesMax)
            return new(ErrorCode.KeyTooLong,
                $"the key has {keyBytes} bytes of UTF-8, expected at most {limits.KeyBytesMax} (Limits:KeyBytesMax)");
        return null;
    }
}
