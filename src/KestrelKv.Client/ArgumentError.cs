namespace KestrelKv.Client;

internal static class ArgumentError
{
    /// <summary>Creates the exception for an argument of a public method.</summary>
    /// <param name="message">What is wrong, the value, and what was expected.</param>
    /// <param name="argument">The name of the argument.</param>
    public static ArgumentException Create(string message, string argument) => new(message, argument);

    /// <summary>Creates the exception for an option of a call.</summary>
    /// <param name="message">The option, its value, and what was expected.</param>
    public static ArgumentException OfOptions(string message) => Create(message, "options");

    /// <summary>Throws if an option is set that the function does not have.</summary>
    public static void ThrowIfUnused(bool isSet, string option, string function)
    {
        if (isSet) throw OfOptions($"{option} is set, but {function} has no such option.");
    }
}
