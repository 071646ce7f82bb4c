using System.Numerics;
using System.Text;

namespace KestrelKv.Protocol;

/// <summary>The description of a function, for the parser and HELP.</summary>
public sealed class FunctionInfo
{
    internal FunctionInfo(
        Function function, Access access, string summary, ParameterInfo[] required, ParameterInfo[] optional, ErrorCode[] outcomes)
    {
        Function = function;
        Access = access;
        Name = function.ToString().ToUpperInvariant();
        Utf8Name = Encoding.UTF8.GetBytes(Name);
        Summary = summary;
        RequiredParameters = required;
        OptionalParameters = optional;
        Outcomes = outcomes;
        Required = SetOf(required);
        Allowed = Required | SetOf(optional);
    }

    /// <summary>The function.</summary>
    public Function Function { get; }

    /// <summary>What a client needs to call the function.</summary>
    public Access Access { get; }

    /// <summary>The name on the wire.</summary>
    public string Name { get; }

    /// <summary>A short description, in English.</summary>
    public string Summary { get; }

    /// <summary>The required parameters.</summary>
    public IReadOnlyList<ParameterInfo> RequiredParameters { get; }

    /// <summary>The optional parameters.</summary>
    public IReadOnlyList<ParameterInfo> OptionalParameters { get; }

    /// <summary>The errors that the function can return, without those of <see cref="ErrorCodes.OfRequests"/>.</summary>
    public IReadOnlyList<ErrorCode> Outcomes { get; }

    internal byte[] Utf8Name { get; }

    /// <summary>Whether a request needs no parameters except <c>obj</c>, <c>val</c> and <c>ack</c>.</summary>
    internal bool IsPlain => Function is Function.Get or Function.Put or Function.Delete or Function.Incr;

    internal uint Required { get; }

    internal uint Allowed { get; }

    /// <summary>Returns the parameter of this function with a name.</summary>
    /// <exception cref="InvalidOperationException">The function has no such parameter.</exception>
    public ParameterInfo Parameter(string name) =>
        RequiredParameters.Concat(OptionalParameters).Single(parameter => parameter.Name == name);

    /// <summary>Returns the error for a parameter that this function does not have, or not in this place.</summary>
    /// <param name="quotedName">The parameter's name in quotes, for the message.</param>
    /// <param name="allowed">The set of parameters allowed in this place.</param>
    internal ProtocolError UnknownParameter(string quotedName, uint allowed)
    {
        string optional = Names(OptionalParameters.Where(p => (p.Bit & allowed) != 0));
        string expected =
            allowed == 0 ? "none" :
            RequiredParameters.Count == 0 ? $"none, or any of {optional}" :
            optional.Length == 0 ? Names(RequiredParameters) : $"{Names(RequiredParameters)} and optionally {optional}";
        return new(ErrorCode.UnknownParameter, $"unknown parameter {quotedName} of {Name}, expected {expected}");
    }

    internal ProtocolError? Missing(uint given)
    {
        uint missing = Required & ~given;
        if (missing == 0) return null;
        return Functions.Parameter(BitOperations.TrailingZeroCount(missing)).Refuse(ErrorCode.MissingParameter, "is missing");
    }

    private static uint SetOf(ParameterInfo[] parameters) => parameters.Aggregate(0u, (set, parameter) => set | parameter.Bit);

    private static string Names(IEnumerable<ParameterInfo> parameters) => string.Join(", ", parameters.Select(p => $"\"{p.Name}\""));
}
