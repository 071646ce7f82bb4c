namespace KestrelKv.Protocol;

/// <summary>What a key must be, whichever port it comes in by.</summary>
public static class KeyRules
{
    /// <summary>What is wrong with a key of this many bytes of UTF-8; null where nothing is.</summary>
    public static ProtocolError? Check(int keyBytes, RequestLimits limits)
    {
        if (keyBytes == 0)
            return new(ErrorCode.InvalidKey, $"the key is empty, expected 1 to {limits.KeyBytesMax} bytes of UTF-8");
        if (keyBytes > limits.KeyBytesMax)
            return new(ErrorCode.KeyTooLong, $"the key has {keyBytes} bytes of UTF-8, expected at most {limits.KeyBytesMax} (Limits:KeyBytesMax)");
        return null;
    }
}
