using System.Numerics;
using System.Text;

namespace KestrelKv.Protocol;

/// <summary>A function, for the parser and for HELP.</summary>
public sealed class FunctionInfo
{
    internal FunctionInfo(
        Function function, string summary, ParameterInfo[] required, ParameterInfo[] optional, ErrorCode[] outcomes)
    {
        Function = function;
        Name = function.ToString().ToUpperInvariant();
        Utf8Name = Encoding.UTF8.GetBytes(Name);
        Summary = summary;
        RequiredParameters = required;
        OptionalParameters = optional;
        Outcomes = outcomes;
        Required = SetOf(required);
        Allowed = Required | SetOf(optional);
    }

    /// <summary>Which one it is.</summary>
    public Function Function { get; }

    /// <summary>Its name on the wire.</summary>
    public string Name { get; }

    /// <summary>What it does, in a sentence.</summary>
    public string Summary { get; }

    /// <summary>The parameters that must be given.</summary>
    public IReadOnlyList<ParameterInfo> RequiredParameters { get; }

    /// <summary>The parameters that may be given.</summary>
    public IReadOnlyList<ParameterInfo> OptionalParameters { get; }

    /// <summary>The errors that it answers with, beside those of requests that are none (<see cref="ErrorCodes.OfRequests"/>).</summary>
    public IReadOnlyList<ErrorCode> Outcomes { get; }

    internal byte[] Utf8Name { get; }

    /// <summary>Whether it can do without other parameters than <c>obj</c>, <c>val</c> and <c>ack</c>.</summary>
    internal bool IsPlain => Function is Function.Get or Function.Put or Function.Delete or Function.Incr;

    internal uint Required { get; }

    internal uint Allowed { get; }

    /// <summary>The parameter of a name that this function takes.</summary>
    /// <exception cref="InvalidOperationException">It takes none of this name.</exception>
    public ParameterInfo Parameter(string name) => RequiredParameters.Concat(OptionalParameters).Single(parameter => parameter.Name == name);

    /// <summary>Refuses a parameter that this function does not take, or does not take where it stands.</summary>
    /// <param name="quotedName">The parameter's name, for a person to read.</param>
    /// <param name="allowed">Those that it takes there.</param>
    internal ProtocolError UnknownParameter(string quotedName, uint allowed)
    {
        string optional = Names(OptionalParameters.Where(p => (p.Bit & allowed) != 0));
        string expected =
            allowed == 0 ? "none" :
            RequiredParameters.Count == 0 ? $"none or some of {optional}" :
            optional.Length == 0 ? Names(RequiredParameters) : $"{Names(RequiredParameters)} and, if need be, {optional}";
        return new(ErrorCode.UnknownParameter, $"{Name} does not know the parameter {quotedName}, expected {expected}");
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
