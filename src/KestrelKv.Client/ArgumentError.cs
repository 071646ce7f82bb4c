namespace KestrelKv.Client;

internal static class ArgumentError
{
    /// <summary>Creates the exception for an argument of a public method.</summary>
    /// <param name="message">What is wrong, the value, and what was expected.</param>
    /// <param name="argument">The name of the argument.</param>
    public static ArgumentException Create(string message, string argument) => new(message, argument);
}
