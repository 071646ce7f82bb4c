using System.Diagnostics;

namespace KestrelKv.Protocol;

/// <summary>The rules for keys, over the wire and over HTTP.</summary>
internal static class KeyRules
{
    /// <summary>Reads and checks a key.</summary>
    /// <param name="token">A string.</param>
    /// <param name="body">The text of the string.</param>
    /// <param name="limits">The limit of its length.</param>
    /// <param name="unescaped">The key; null if it is in the text as it is.</param>
    /// <returns>Why the key is refused; null if it is valid.</returns>
    public static ProtocolError? Read(in JsonToken token, ReadOnlyMemory<byte> body, RequestLimits limits, out byte[]? unescaped)
    {
        Debug.Assert(token.IsString);
        return token.TryUnescape(body, out unescaped)
            ? Check(unescaped?.Length ?? token.Inside.Length, limits)
            : new(ErrorCode.InvalidKey, "the key holds half of a surrogate pair, which is no character");
    }

    /// <summary>Checks the length of a key in UTF-8.</summary>
    /// <returns>Why the key is refused; null if it is valid.</returns>
    public static ProtocolError? Check(int keyBytes, RequestLimits limits)
    {
        if (keyBytes == 0)
            return new(ErrorCode.InvalidKey, $"the key is empty, expected 1 to {limits.KeyBytesMax} bytes of UTF-8");
        if (keyBytes > limits.KeyBytesMax)
            return new(ErrorCode.KeyTooLong, $"the key has {keyBytes} bytes of UTF-8, expected at most {limits.KeyBytesMax} (Limits:KeyBytesMax)");
        return null;
    }
}
