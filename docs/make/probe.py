"""The CloudFormation template of the probe, with the function's code in it."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

from drs_provider.probe import function

TEMPLATE = Path(function.__file__).with_name("template.yaml")

_HEAD = """\
# The probe: a Lambda function that looks at ports and URLs from within a network (docs/steps.md). `make docs` writes
# it from its code, function.py beside it.
AWSTemplateFormatVersion: "2010-09-09"
Description: Probe of recovery plans - looks at ports and URLs from within a recovered network
Parameters:
  VpcId:
    Type: AWS::EC2::VPC::Id
    Description: Network that the probe stands in
  SubnetIds:
    Type: List<AWS::EC2::Subnet::Id>
    Description: Subnets that the probe stands in
  Destinations:
    Type: String
    Description: CIDR block that the probe may connect to; a drill's network, never production's
  FunctionName:
    Type: String
    Default: drs-probe
    Description: What `probe` in a step names
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: lambda.amazonaws.com}
            Action: sts:AssumeRole
      ManagedPolicyArns:
        - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
  SecurityGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Probe of recovery plans, out to the recovered network only
      VpcId: !Ref VpcId
      SecurityGroupEgress:
        - {IpProtocol: "-1", CidrIp: !Ref Destinations}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Ref FunctionName
      Description: Looks at a port or a URL for a recovery plan
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 30
      MemorySize: 128
      VpcConfig:
        SecurityGroupIds: [!Ref SecurityGroup]
        SubnetIds: !Ref SubnetIds
      Code:
        ZipFile: |
"""
_TAIL = """\
Outputs:
  FunctionArn:
    Value: !GetAtt Function.Arn
"""


def template() -> str:
    """Return the template."""
    code = Path(function.__file__).read_text(encoding="utf-8")
    return f"{_HEAD}{indent(code, ' ' * 10)}{_TAIL}"
