# frozen_string_literal: true

# The parts of SEEK that the scripts use, in memory. What is left of them at the end is written to $STATE/seek.json.

require 'json'
require 'uri'

class Object
  def present? = !nil? && !(respond_to?(:empty?) && empty?)
end

module ActiveRecord
  class RecordInvalid < StandardError; end
  class RecordNotSaved < StandardError; end
end

Person = Struct.new(:email, :first_name, :last_name, :is_admin) do
  def self.where(email:) = (@email = email) && self
  def self.first_or_initialize = new(@email)
  def is_admin? = is_admin == true

  def save!
    self.is_admin = false if ENV['NEVER_ADMIN']
  end
end

class User
  @all = ENV['USERS'].to_i.times.map { { login: 'somebody' } }

  class << self
    attr_accessor :all

    def exists? = all.any?
    def find(id) = id

    def transaction
      before = all.dup
      yield
    rescue StandardError
      self.all = before
      raise
    end
  end

  attr_accessor :person

  def initialize(login:, password:, password_confirmation:)
    @row = { login: login, password: password == password_confirmation && password }
  end

  def id = self
  def is_admin? = person.is_admin?
  def activate = @row[:active] = true

  def save!
    raise ActiveRecord::RecordInvalid, 'Validation failed: Login is too short' if ENV['REFUSE']

    User.all << @row.merge!(name: "#{person.first_name} #{person.last_name}", email: person.email)
  end
end

def disable_authorization_checks = yield

module Seek
  module Config
    @set = {}
    class << self
      attr_reader :set

      def set_smtp_settings(name, value) = set["smtp #{name}"] = value
      def method_missing(name, *values) = name.end_with?('=') ? set[name.to_s.chop] = values.first : set.fetch(name.to_s)
      def respond_to_missing?(*) = true
    end
  end
end

at_exit do
  File.write(File.join(ENV.fetch('STATE'), 'seek.json'), JSON.generate(users: User.all, settings: Seek::Config.set))
end
